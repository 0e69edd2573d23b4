import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="TokenRevocation",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="token_revocation",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "not_before",
                    models.DateTimeField(help_text="Tokens issued before this moment are refused."),
                ),
            ],
            options={
                "verbose_name": "token revocation",
                "verbose_name_plural": "token revocations",
            },
        ),
    ]
